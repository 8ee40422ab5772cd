"""How a profile resolves, from what can be read on this machine."""
