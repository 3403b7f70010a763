"""Networks onto crossbar cores: boxes, copies, relays, delays, tables."""
