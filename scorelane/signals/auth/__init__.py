"""What receivers that the tenant trusts found of SPF, DKIM, DMARC and ARC."""
