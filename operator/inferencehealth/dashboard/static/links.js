// Addresses within the page.

export function link(kind, key) {
  return `#/${kind}/${key.split("/").map(encodeURIComponent).join("/")}`;
}
