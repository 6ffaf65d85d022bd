//! The only SQL: migrations, one module a noun, jobs, leases, sealing at rest.
