"""What scripts/bench runs: Chasqui and Postfix in turn under the same load on the same machine."""
