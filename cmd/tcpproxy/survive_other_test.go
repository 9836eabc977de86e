//go:build !linux

package main

// sandbox is for Linux.
func sandbox() {}
