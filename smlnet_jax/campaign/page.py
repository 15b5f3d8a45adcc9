"""report.html."""

from smlnet_jax.campaign.tables import Results


def render(results: Results) -> str:
    return ""
