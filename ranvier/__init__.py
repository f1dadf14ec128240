"""Ranvier: neural networks, from raw data to a trained, measured, explained network."""
