"""Neurons of any network onto cores: hypergraphs, partitioners, repair, and what a result costs."""
