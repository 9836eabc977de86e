//go:build !linux

package main

import "testing"

// sandbox is for Linux.
func sandbox() {}

// survives reports whether --survive can be had here.
func survives(*testing.T) bool { return false }
