/** What Longhaul asks a Kubernetes cluster for; nothing is ever written there but a request for a token. */
export interface KubernetesApi {
  /** The decoded members of a Secret; undefined when there is none of that name. @throws SECRET_UNAVAILABLE, UNAVAILABLE. */
  readSecret(at: NamespacedName): Promise<Readonly<Record<string, string>> | undefined>;
  /** @throws SECRET_UNAVAILABLE when the cluster refuses, UNAVAILABLE when it does not answer. */
  listServiceAccounts(at: {
    readonly namespace: string;
    readonly labelSelector: string;
  }): Promise<readonly ServiceAccount[]>;
  /** A token of the ServiceAccount for one audience: the TokenRequest API. @throws as above. */
  requestToken(of: NamespacedName & { readonly audience: string }): Promise<string>;
}

export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

export interface ServiceAccount {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
}
