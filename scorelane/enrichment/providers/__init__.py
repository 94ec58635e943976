"""One file a provider: a class with a name, found by `scorelane.enrichment.catalogue`."""
