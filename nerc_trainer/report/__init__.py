"""One page about a run: `collect` reads what the run has, a file each makes a part of the page, `page` writes it."""
