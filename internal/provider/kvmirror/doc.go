// Package kvmirror is the Terraform surface of a mirror of a bucket in another JetStream domain or account.
package kvmirror
