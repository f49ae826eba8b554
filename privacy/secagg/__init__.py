"""HSA1, the secure sum: the aggregator learns the sum of the hospitals' vectors and nothing else.

Read `terms` (what a sum is), `client` and `server` (the phases), then what they stand on: `identity`, `keys`,
`shares`, `masks`, `fixed_point`, `packing`, `transcript`, `messages`, `policy`. Bytes in, bytes out: no Flower, no
files.

The protocol is the malicious-server variant of Bonawitz et al. 2017 (CCS '17, section 4.2 and figure 4) on a
complete graph, with long-term identities, a post-quantum hybrid and commitments to every share.

Guarantees, against an aggregator that departs from the protocol at will together with up to `colluders` hospitals, as
long as AES-256, SHA-256, Ed25519, and X25519 or ML-KEM-768 hold:
    - For each task it learns at most one sum that holds a given hospital's vector, over at least `threshold`
      hospitals and so over at least `threshold - colluders` honest ones, or it learns nothing (`client`).
    - Whoever records everything today and breaks X25519 later learns no more (`keys`).
    - A hospital that vanishes in any phase costs its own vector at most, never a wrong sum (`server`).

Not promised: that the sum itself tells nothing about a hospital (that is what differential privacy is for), that a
hospital's own vector is honest (it can be held to a signed commitment afterwards), or that a round ends at all when
the aggregator does not want it to.
"""
