"""Rewrites captions with a local language model into sealed corpora for CLIP-like training."""
