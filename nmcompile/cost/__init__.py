"""What one frame costs in energy and time: pure functions of counters and a target's tables."""
