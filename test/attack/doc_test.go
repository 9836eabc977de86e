//go:build linux

// Package attack tests what the proxy does to people who mean it harm, and to those who meet bad luck: overload, resets at bad moments,
// peers that vanish, name servers that lie, and limits that are too small. Like e2e it runs the built program, but it may be unkind:
// what matters here is that the others are served meanwhile, and that everything is given back afterwards.
//
// All traffic stays on loopback or in network namespaces of the test's own, which are gone with the test. Without ATTACK=full every
// attack is a short one.
package attack
