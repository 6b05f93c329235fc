"""The world the end-to-end tests live in: a trunkline server, phones and room participants that we did not write."""
