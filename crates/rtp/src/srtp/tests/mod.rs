mod stories;
mod vectors;
