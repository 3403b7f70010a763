"""SiamFC++'s tracker loop: score and box maps of one search crop per frame."""
