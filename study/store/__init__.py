"""Where a study keeps what participants gave: tables, their migrations, and the transactions on them."""
