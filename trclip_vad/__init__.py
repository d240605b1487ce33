"""TrCLIP-VAD: weakly supervised video anomaly detection with captions and their rewrites."""
