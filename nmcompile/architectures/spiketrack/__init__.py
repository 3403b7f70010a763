"""SpikeTrack: a spiking transformer whose search network asks what the template network left.

Source: SpikeTrack (arXiv 2602.23963) and its published code; the backbone is that of
Spike-Driven-Transformer V3 (arXiv 2411.16061).
"""
