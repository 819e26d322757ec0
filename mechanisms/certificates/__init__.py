"""Certificates: what is stored of an answer so that anybody can check it without the search that found it.

| certificate | what it proves | recomputed by |
|---|---|---|
| `DeviationCertificate` | a coalition gains by a joint action | settling both plays (GR 2.2) |
| `SideContractCertificate` | a device of a coalition is an improvement | settling every clause and lie (GR 6) |
| `HiddenRuinCertificate` | two gain by what only a guess breaks | settling it, bounds in closed form (Theorem 23) |
| `MisreportCertificate` | a type gains by reporting another | settling every draw (GR 4, 4') |
| `JointMisreportCertificate` | a coalition gains by reporting other types | settling every draw (GR 4) |
| `JointTruthCertificate` | no coalition gains by reporting other types | settling every profile (GR 4) |
| `RepliesCertificate` | no coalition gains by reports and any replies | bounds on every reply (GR 4') |
| `FirstBestCertificate` | what trade can bring at most | weak duality, profile by profile (GR, Theorem 1) |
| `ObedienceCertificate` | what a contract brings if all obey | settling every profile (GR 2.2) |
| `SecondBestCertificate` | what incentives allow | playing every report, virtual surplus (M, Theorem 0) |
| `ComparedWelfareCertificate` | what such a market brings if all obey | settling every profile (SS, RSW) |
| `SampledLieCertificate` | the same among many, as far as draws tell | settling drawn profiles (GR 4) |
| `ComparedMarketCertificate` | who gains at trading posts, or in a call market | settling every draw (SS, RSW) |
| `StabilityCertificate` | no coalition gains anything from a contract | weak duality, lies by enumeration (GR 4-8) |
| `CountedStabilityCertificate` | the same among replicas, of many types | weak duality, count by count (GR 4-8) |
| `FiniteAgreementCertificate` | a part of a finite game's players keep an agreement | programs of all parts (GR 5-7) |
| `BlockingCertificate` | a blocking plan is tenable | enumeration (M, conditions 9 to 12) |
| `TheoremCertificate` | a theorem applies | its premises, each checked anew (`theorems`) |
| `InhibitionCertificate` | no blocking plan is tenable | virtual surplus, state by state (M, Theorem 1) |
| `DurabilityCertificate` | members vote for another game in any case | weak duality (M, section 10) |
| `SeveranceCertificate` | no severance, or none that is cheaper, keeps coalitions | a plan for each range of promises |

SS is Shapley and Shubik (1977), RSW is Rustichini, Satterthwaite and Williams (1994).

`verify` recomputes every number of any of them and names those that differ. What is about the market is derived by
:mod:`marketgame.mechanisms.certificates.plain`, which shares nothing with the searches, in rational numbers.
"""
