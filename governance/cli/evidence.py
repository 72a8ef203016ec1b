# SPDX-License-Identifier: Apache-2.0
"""Commands about evidence: seal it, verify it, and hand proof of it to an outsider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from governance.cli import evidence_files, output, shell
from governance.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Seal the facts, verify them, and prove them to an outsider.")

Fact = Annotated[str, typer.Argument(help="Id of the fact, or its first 6 characters or more.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead.")]


def add_to(root: typer.Typer) -> None:
    """Hang these commands into the command line."""
    evidence_files.add_to(app)
    root.add_typer(app, name="evidence")


@app.command()
def keygen(
    name: Annotated[str, typer.Argument(help="Name of the ledger, such as governance.example.co.jp.")],
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New file; default: the one that is read.")] = None,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Leave a key that is there as it is.")] = False,
) -> None:
    """Make the key that seals the ledger, and print the verifier key to be published."""
    from governance.steps import evidence_seal

    settings = Settings()
    target = out or settings.signing_key_file
    if if_missing and target.exists():
        typer.echo(f"{target}: kept")
        return
    output.lines(evidence_seal.make_key(target, name))


@app.command()
def rotate(old: Annotated[Path, typer.Argument(help="File with the key used so far.")]) -> None:
    """Announce the key in use as the successor of an older one, under both signatures."""
    from governance.steps import evidence_seal

    output.lines(evidence_seal.rotate(shell.runtime(), old))


@app.command()
def seal(*, as_json: output.AsJson = False) -> None:
    """Sign the ledger as it stands and publish the checkpoint."""
    from governance.steps import evidence_seal

    sealed = evidence_seal.seal(shell.runtime())
    if as_json:
        output.document({"size": sealed.size, "root": sealed.printed_root, "note": sealed.note})
    else:
        output.lines(sealed.note or "the ledger is empty: nothing to seal")


@app.command()
def verify(*, as_json: output.AsJson = False) -> None:
    """Compare the ledger with itself, with every fact and file, and with all published checkpoints; exit 1 if they differ."""
    from governance.steps import evidence_seal

    rt = shell.runtime()
    found = evidence_seal.verify(rt)
    if as_json:
        output.document(found)
    else:
        output.lines(evidence_seal.report(found, rt.settings.language))
    if not found.is_intact:
        raise typer.Exit(1)


@app.command()
def show(fact: Fact) -> None:
    """Show a fact, its entry in the ledger, and whether they match; exit 1 if not."""
    from governance.steps import evidence_bundle

    shown = evidence_bundle.show(shell.runtime(), fact)
    output.document(shown)
    if not shown["matches"]:
        raise typer.Exit(1)


@app.command()
def erase(fact: Fact, *, ground: Annotated[str, typer.Option(help="The request or decision it rests on.")]) -> None:
    """Remove the free text and personal data of a fact, as the owner of the tables; the ledger still verifies."""
    from governance.steps import evidence_bundle

    typer.echo(f"{evidence_bundle.erase(shell.runtime(), fact, ground)}: erased")


@app.command()
def prove(fact: Fact, *, out: Out = None) -> None:
    """Print a proof that a fact is in the sealed ledger (C2SP tlog-proof)."""
    from governance.steps import evidence_bundle

    proof = evidence_bundle.prove(shell.runtime(), fact)
    if out is None:
        output.lines(proof)
    else:
        out.write_text(proof, encoding="utf-8")


@app.command()
def bundle(
    out: Annotated[Path, typer.Argument(help="The zip file to write.")],
    *,
    period: Annotated[str | None, typer.Option(help="All that took effect in a month, YYYY-MM.")] = None,
    model: Annotated[str | None, typer.Option(help="All that is known of a registered model.")] = None,
    decision: Annotated[str | None, typer.Option(help="A gate decision and all it can have rested on.")] = None,
    withhold: Annotated[bool, typer.Option("--withhold", help="Leave rows out: ids, verdicts, numbers only.")] = False,
    kept: Annotated[list[int] | None, typer.Option(help="Size of a checkpoint that the auditor holds.")] = None,
) -> None:
    """Write a bundle that an auditor verifies offline with the one script in it."""
    from governance.steps import evidence_bundle

    rt = shell.runtime()
    selection = evidence_bundle.Selection(period, model, decision)
    count = evidence_bundle.bundle(rt, selection, out, withhold=withhold, kept=kept or ())
    typer.echo(f"{out}: {count} entries; audit_verify.py has SHA-256 {evidence_bundle.script_digest(rt)}")
