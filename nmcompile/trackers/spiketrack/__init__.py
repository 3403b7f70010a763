"""SpikeTrack's tracker loop: memories of the template, centre maps of the search crop."""
