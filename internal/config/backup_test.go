package config

import (
	"strings"
	"testing"
	"time"
)

func TestBackupsAreOffUntilThereIsAPlaceForThem(t *testing.T) {
	c := mustParse(t, "")
	if c.Backup.Every != 0 || c.Backup.To.Configured() || c.Backup.RestoreOnEmpty {
		t.Errorf("%+v", c.Backup)
	}
	c = mustParse(t, "backup: {every: 6h, to: {s3: {bucket: b, prefix: eu/1, tls: false}}}")
	if s := c.Backup.To.S3; c.Backup.Every != 6*time.Hour || c.Backup.Keep != 7 || !c.Backup.Snapshots || s.Prefix != "eu/1" || s.TLS || s.Credentials != "env" {
		t.Errorf("%+v", c.Backup)
	}
}

func TestABackupThatCannotWorkIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{every: 1h}":                            "backup.every: needs a place",
		"{every: 10s, to: {directory: /b}}":      "backup.every: must be 0 (off) or at least 1m",
		"{restore_on_empty: true}":               "backup.restore_on_empty: needs the place",
		"{keep: 0}":                              "backup.keep: must lie between 1",
		"{keep_days: -1}":                        "backup.keep_days: must lie between 0",
		"{to: {directory: /b, s3: {bucket: b}}}": "backup.to.s3.bucket: give a directory or a bucket, not both",
		"{to: {directory: ./data/backups}}":      "backup.to.directory: lies in the data directory",
		"{to: {directory: data}}":                "backup.to.directory: lies in the data directory",
		"{to: {s3: {endpoint: \"https://s3\"}}}": "backup.to.s3.endpoint: \"https://s3\" is not host",
		"{to: {s3: {credentials: vault}}}":       "backup.to.s3.credentials: unknown word",
		"{to: {s3: {profile: backup}}}":          "backup.to.s3.credentials: must be file",
	} {
		if _, err := parse(t, "backup: "+text+"\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	mustParse(t, "backup: {to: {directory: ./data-backups}}")
}

func TestTheEnvironmentSetsTruthValues(t *testing.T) {
	env := func(value string) Overrides {
		return Overrides{Env: func(name string) (string, bool) {
			return value, name == "RECSVC_BACKUP_SNAPSHOTS"
		}}
	}
	if c, err := Parse("test.yaml", nil, env("false")); err != nil || c.Backup.Snapshots {
		t.Errorf("false: %v", err)
	}
	if _, err := Parse("test.yaml", nil, env("nope")); err == nil || !strings.Contains(err.Error(), "RECSVC_BACKUP_SNAPSHOTS") {
		t.Errorf("nope: %v", err)
	}
}
