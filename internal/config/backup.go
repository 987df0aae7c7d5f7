package config

import (
	"path/filepath"
	"strings"
	"time"
)

// Backup says where copies of the state go, and when. Without Every none is made by itself.
type Backup struct {
	Every          time.Duration `yaml:"every"`            // time between two copies; 0: none
	Keep           int           `yaml:"keep"`             // so many of the newest copies stay; 7
	KeepDays       int           `yaml:"keep_days"`        // and the newest of each of so many days; 7
	Snapshots      bool          `yaml:"snapshots"`        // copy new model snapshots too, one by one; true
	RestoreOnEmpty bool          `yaml:"restore_on_empty"` // begin an empty data directory with the newest copy; false
	To             Vault         `yaml:"to"`               // where the copies are
}

// Vault is a directory or a bucket of object storage.
type Vault struct {
	Directory string `yaml:"directory"` // such as a mounted disk or share
	S3        S3     `yaml:"s3"`        // used when it has a bucket
}

// S3 is a bucket of S3-compatible object storage.
type S3 struct {
	Endpoint        string `yaml:"endpoint"`         // host or host:port; s3.amazonaws.com
	Bucket          string `yaml:"bucket"`           // must exist
	Prefix          string `yaml:"prefix"`           // of all names in the bucket: one for each server
	Region          string `yaml:"region"`           // empty: the bucket is asked
	TLS             bool   `yaml:"tls"`              // HTTPS; true
	CAFile          string `yaml:"ca_file"`          // PEM of who signs the endpoint's certificate; the system's
	Credentials     string `yaml:"credentials"`      // env, file or iam; env
	CredentialsFile string `yaml:"credentials_file"` // with file: in the form of ~/.aws/credentials, which is the default
	Profile         string `yaml:"profile"`          // with file: which of its sections; default
}

// Configured says whether there is a place for copies.
func (v Vault) Configured() bool { return v.Directory != "" || v.S3.Bucket != "" }

func defaultBackup() Backup {
	return Backup{Keep: 7, KeepDays: 7, Snapshots: true, To: Vault{S3: S3{Endpoint: "s3.amazonaws.com", TLS: true, Credentials: "env"}}}
}

func (k *checker) backup() {
	b := k.c.Backup
	k.that(b.Every == 0 || b.Every >= time.Minute, "backup.every", "must be 0 (off) or at least 1m")
	k.within("backup.keep", b.Keep, 1, 10_000)
	k.within("backup.keep_days", b.KeepDays, 0, 3650)
	k.that(b.Every == 0 || b.To.Configured(), "backup.every", "needs a place for the copies: backup.to.directory or backup.to.s3.bucket")
	k.that(!b.RestoreOnEmpty || b.To.Configured(), "backup.restore_on_empty", "needs the place of the copies: backup.to.directory or backup.to.s3.bucket")
	k.that(b.To.Directory == "" || b.To.S3.Bucket == "", "backup.to.s3.bucket", "give a directory or a bucket, not both")
	k.that(b.To.Directory == "" || !inside(b.To.Directory, k.c.Data), "backup.to.directory", "lies in the data directory: whatever takes that takes the copies with it")
	s := b.To.S3
	k.that(s.Endpoint != "" && !strings.Contains(s.Endpoint, "/"), "backup.to.s3.endpoint", "%s is not host or host:port", quote(s.Endpoint))
	k.word("backup.to.s3.credentials", s.Credentials, credentialKinds)
	k.that(s.Credentials == "file" || s.CredentialsFile == "" && s.Profile == "", "backup.to.s3.credentials", "must be file for credentials_file and profile to be read")
}

// inside says whether a path is a directory or lies below it, as far as their texts tell.
func inside(path, dir string) bool {
	p, perr := filepath.Abs(path)
	d, derr := filepath.Abs(dir)
	rel, err := filepath.Rel(d, p)
	return perr == nil && derr == nil && err == nil && (rel == "." || filepath.IsLocal(rel))
}
