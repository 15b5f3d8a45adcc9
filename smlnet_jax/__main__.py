"""`python -m smlnet_jax` is `smlnet`."""

import sys

from smlnet_jax.cli import main

sys.exit(main())
