"""Video sequences with boxes (OTB, VOT, GOT-10k, video files) and synthetic ones."""
