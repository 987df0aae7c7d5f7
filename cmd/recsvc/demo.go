package main

import (
	"context"
)

func demo(ctx context.Context, args []string, std stdio) error { return nil }
