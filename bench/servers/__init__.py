"""Everything that is measured over HTTP: how each is started, asked and told apart."""
