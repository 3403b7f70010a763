"""The network on chip, cycle by cycle: links that take one packet at a time, and their queues."""
