"""Chosen windows written as files that training, here or elsewhere, reads without a decoder."""
