"""The languages of the page: sentences that know how to be said in each of them."""
