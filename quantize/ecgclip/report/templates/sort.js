// A click on a column's head sorts by the cells' data-v, numbers as numbers; another click turns it round.
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells]
  heads.forEach((head, column) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.append(...head.childNodes)
    head.append(button)
    button.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') !== 'descending' && column > 0
      const falling = column > 0 ? down : head.getAttribute('aria-sort') === 'ascending'
      const key = row => row.cells[column].dataset.v ?? ''
      const value = row => (key(row) === '' ? Number.NEGATIVE_INFINITY : Number(key(row)))
      const order = (a, b) => (column > 0 ? value(a) - value(b) : key(a).localeCompare(key(b)))
      const rows = [...table.tBodies[0].rows].sort(order)
      table.tBodies[0].append(...(falling ? rows.reverse() : rows))
      for (const other of heads) other.removeAttribute('aria-sort')
      head.setAttribute('aria-sort', falling ? 'descending' : 'ascending')
    })
  })
}
