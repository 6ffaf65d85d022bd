//! Publish and withdraw TXT values at DNS providers; zones; propagation.
