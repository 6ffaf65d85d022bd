//! Wire shapes of the Console REST API and of ZTS/1, the problem catalogue, a typed client.
