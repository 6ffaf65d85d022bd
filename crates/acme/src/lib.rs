//! An RFC 8555 client: accounts, orders, challenges, ARI, profiles, EAB, alternates.
