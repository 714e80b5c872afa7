/** A list that comes page by page, each but the last with the token of the next one. */
export interface PagedList<Page> {
  /** Reads one page; without a token the first. */
  ask(pageToken: string | undefined): Promise<Page>;
  nextTokenOf(page: Page): string | undefined;
  /** More pages than this are a fault of the other side. */
  readonly mostPages: number;
}

export interface ReadPages<Page> {
  readonly pages: readonly Page[];
  /** The other side gave a token twice, or too many pages: what it lists may be more than this. */
  readonly isPartial: boolean;
}

/** Follows the page tokens to the end. A token that comes twice ends it: what follows would come for ever. */
export async function readAllPages<Page>(list: PagedList<Page>): Promise<ReadPages<Page>> {
  const pages: Page[] = [];
  const asked = new Set<string | undefined>();
  let token: string | undefined;
  do {
    asked.add(token);
    const page = await list.ask(token);
    pages.push(page);
    token = list.nextTokenOf(page);
  } while (token !== undefined && !asked.has(token) && pages.length < list.mostPages);
  return { pages, isPartial: token !== undefined };
}
