"""`smlnet figures`: pictures and charts that say what a trained network does."""
