//go:build !profile

package main

// profile does nothing in a build for use; see profile_on.go.
func profile() (stop func()) { return func() {} }
