"""`python -m nerc_trainer`, which `accelerate launch -m nerc_trainer` runs on every process."""

from nerc_trainer.cli import main

main()
