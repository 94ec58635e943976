"""From labelled mail to a bundle. Needs scikit-learn, which running a bundle does not."""
