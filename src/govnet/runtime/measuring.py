"""``govnet tier-proof``: measure what a circuit really carries."""

from __future__ import annotations

from typing import Annotated

import typer

from govnet.cli import app, setup_django
from govnet.engine.throughput import LONGEST_S, PORT


@app.command(name="tier-proof")
def tier_proof(
    number: Annotated[str, typer.Argument(help="Circuit number.")],
    seconds: Annotated[int, typer.Option(min=1, max=LONGEST_S, help="Of each direction.")] = 5,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of iperf3 at the far end.")] = PORT,
) -> None:
    """Measure a circuit both ways against iperf3 at its access point; keep it as evidence.

    Exit status: 0 proven, 1 below the contracted rate, 2 not measured.
    """
    setup_django()
    from govnet.inventory.models import Circuit
    from govnet.monitor.models import ProofOutcome
    from govnet.monitor.tier_proof import ProofError, prove

    try:
        proof = prove(Circuit.objects.get(number=number), seconds=seconds, port=port)
    except (Circuit.DoesNotExist, ProofError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(2) from error
    if proof.outcome == ProofOutcome.NOT_MEASURED:
        typer.secho(f"{number}: {proof.reason}", fg=typer.colors.RED, err=True)
        raise typer.Exit(2)
    typer.echo(
        f"{number}: contracted {proof.contracted_mbps} Mbit/s,"
        f" up {proof.up_mbps:.2f}, down {proof.down_mbps:.2f}: {proof.outcome} ({proof.method})"
    )
    raise typer.Exit(int(proof.outcome != ProofOutcome.PROVEN))
