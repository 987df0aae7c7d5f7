package main

import "flag"

// given returns those of the named flags that were set, for overriding the configuration.
func given(fs *flag.FlagSet, names ...string) map[string]string {
	out := make(map[string]string)
	fs.Visit(func(f *flag.Flag) {
		for _, n := range names {
			if f.Name == n {
				out[n] = f.Value.String()
			}
		}
	})
	return out
}
