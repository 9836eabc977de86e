//go:build !seams

package wire

// seam stands between any two steps that a process could die between. In an ordinary program it is nothing; in one that is built with the
// tag "seams" it is where that program kills itself, when its environment says so.
func seam(string) {}

// Seam is seam for other packages.
func Seam(string) {}
