/** The tenant of the operator's own: what happens to other tenants' destinations is published there, and nowhere else. */

export const OPERATOR_TENANT = '_operator';
