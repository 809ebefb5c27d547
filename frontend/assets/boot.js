// Runs before the first paint: the remembered or requested theme, so the page never flashes in the wrong one.
(function () {
  var theme = new URLSearchParams(location.search).get('theme');
  if (theme !== 'dark' && theme !== 'light') {
    try {
      theme = JSON.parse(localStorage.getItem('tapedeck.settings') || '{}').theme;
    } catch (_) {
      theme = null;
    }
  }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
})();
