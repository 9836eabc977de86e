package main

// Faults of a forwarder that claims to survive kill -9 of its worker.

func forgetsAll(p *proxy) { p.survive, p.forgetful = true, true }

func losesHeld(p *proxy) { p.survive, p.takesFirst = true, true }

func repeatsHeld(p *proxy) { p.survive, p.repeats = true, true }

func forgetsResets(p *proxy) { p.survive, p.tellsNoReset = true, true }

func hoards(p *proxy) { p.survive, p.hoards = true, true }
