"""Footage: what a source holds, as clips of frames that are ready to train on."""
