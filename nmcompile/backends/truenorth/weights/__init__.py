"""Integer weights as axon types and crossbar bits."""
