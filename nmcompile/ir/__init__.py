"""The intermediate representation: frozen, digested, executable at every level."""
