//go:build linux

package main

import "testing"

func TestVersionIn(t *testing.T) {
	for said, want := range map[string]string{
		"HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\nStatus: long-term": "2.6.12-1+deb12u4",
		"nginx version: nginx/1.22.1\n": "1.22.1",
		"no number":                     "unknown",
	} {
		if got := versionIn(said); got != want {
			t.Errorf("versionIn(%q) = %q, want %q", said, got, want)
		}
	}
}

func TestStreamModuleIn(t *testing.T) {
	exists := func(path string) bool { return path == "/usr/lib/nginx/modules/ngx_stream_module.so" }
	const debian = "configure arguments: --prefix=/usr/share/nginx --modules-path=/usr/lib/nginx/modules --with-stream=dynamic"
	if module, err := streamModuleIn(debian, exists); err != nil || module != "/usr/lib/nginx/modules/ngx_stream_module.so" {
		t.Errorf("dynamic module: %q, %v", module, err)
	}
	if module, err := streamModuleIn("configure arguments: --with-stream --with-threads", exists); err != nil || module != "" {
		t.Errorf("compiled in: %q, %v", module, err)
	}
	if _, err := streamModuleIn("configure arguments: --modules-path=/opt/none", exists); err == nil {
		t.Error("a module that is not there was found")
	}
}
