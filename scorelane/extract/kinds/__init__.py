"""One reader a family of formats: bytes and a `Reading` in, findings out; run only inside the jail."""
